"""What an edited job means for a run that is there: its effect on paid answers, what the rest will cost."""
