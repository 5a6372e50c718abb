"""Question-answer rows of a release: questions, answers, target numbers, and the pictures they are asked about."""
