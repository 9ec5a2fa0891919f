"""The morning report: the night of a site in one page, from what is stored."""
