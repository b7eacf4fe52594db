"""What tests share: builders and a slow, obvious restatement of the due date."""
