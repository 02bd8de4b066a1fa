"""What only the report needs: vectors beside the scores."""
