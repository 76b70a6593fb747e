"""What every command line has in common: options that are checked, names of files, sentences for what the system refuses.

Standard library only, because quickstart.py starts before anything is installed.
"""
