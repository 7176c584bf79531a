"""What a person looks at: progress while a run works, a summary when it ends."""
