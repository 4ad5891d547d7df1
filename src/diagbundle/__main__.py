"""`python -m diagbundle`."""

from diagbundle.cli.main import main

main()
