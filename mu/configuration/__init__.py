"""From words and YAML files to blocks that say everything they do."""
