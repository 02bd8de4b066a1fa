"""What can be said of one model: an audit, its words and its page."""
