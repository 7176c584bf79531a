"""What is sent, where and when: limits, retries, the budget, prices. Knows nothing of rows."""
