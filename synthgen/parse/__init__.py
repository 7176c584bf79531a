"""Answers become items. Pure: text in, values out; bad model output is a rejection, never an exception."""

from synthgen.parse.answer import RULES, ParsedAnswer, ParsedItem, parse_answer
from synthgen.parse.schema import answer_schema, item_model

__all__ = ["RULES", "ParsedAnswer", "ParsedItem", "answer_schema", "item_model", "parse_answer"]
