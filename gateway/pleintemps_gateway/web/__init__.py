"""The caretaker's pages: templates, static files and their two languages."""
