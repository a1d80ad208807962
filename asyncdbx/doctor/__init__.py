"""Whether workspaces can be worked with: connection, certificate, login, clock, services.

What is asked is what an inventory would ask, one small page of each.
"""

from asyncdbx.doctor.examine import examine
from asyncdbx.doctor.finding import Answer, Finding, exit_code

__all__ = ["Answer", "Finding", "examine", "exit_code"]
