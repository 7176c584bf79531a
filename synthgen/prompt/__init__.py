"""Templates: text with front matter in, chat turns or a text to continue out."""

from synthgen.prompt.template import VARIABLES, Template, parse_template

__all__ = ["VARIABLES", "Template", "parse_template"]
