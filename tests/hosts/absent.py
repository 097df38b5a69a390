# SPDX-License-Identifier: MIT
"""Stands in for the tests of a host that this machine does not have.

usage: absent.py HOST WHAT
"""
import sys

print(f"skip - {sys.argv[1]} - no {sys.argv[2]} here")
sys.exit(77)
