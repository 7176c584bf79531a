"""The user's files: tables in, tables out, templates and schemas by name."""
