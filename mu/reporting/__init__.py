"""Tables, figures and the page: how results are shown, never how they are computed."""
