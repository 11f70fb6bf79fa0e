"""Every topic Burnline works with: what it is for, how it is set up, how it is created and read to its end."""
