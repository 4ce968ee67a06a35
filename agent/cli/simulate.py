"""placeholder"""
import click

command = click.Command("simulate")
