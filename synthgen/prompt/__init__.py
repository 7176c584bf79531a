"""Templates: text with front matter in, chat turns or a text to continue out."""

from synthgen.prompt.template import VARIABLES, SourceView, Template, parse_template, source_view

__all__ = ["VARIABLES", "SourceView", "Template", "parse_template", "source_view"]
