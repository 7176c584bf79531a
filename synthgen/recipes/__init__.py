"""Jobs ready to use: what a job file leaves out, its recipe brings."""

from synthgen.recipes.catalogue import find_recipe, recipe_names
from synthgen.recipes.recipe import Recipe, parse_recipe
from synthgen.recipes.resolve import resolve

__all__ = ["Recipe", "find_recipe", "parse_recipe", "recipe_names", "resolve"]
