"""The command rotating-secret, for the secrets of the Terraform module in this repository.

It needs nothing outside its folder. It never prints a value of a secret.
"""
