"""What a person does with Lapse; the command line only asks and prints."""
