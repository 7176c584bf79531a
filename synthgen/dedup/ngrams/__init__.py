"""Lexical similarity: which rows share enough character 3-grams."""
