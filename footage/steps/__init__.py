"""What happens to a clip, one step a module; free of Prefect."""
