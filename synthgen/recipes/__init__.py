"""Jobs ready to use: what a job file leaves out, its recipe brings."""

from synthgen.recipes.recipe import RECIPES, Recipe, resolve

__all__ = ["RECIPES", "Recipe", "resolve"]
