"""What is asked of a host: one file for each subject. Nothing here needs to be listed anywhere else."""
