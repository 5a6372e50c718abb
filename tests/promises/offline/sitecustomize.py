"""No look-up of Google's credentials, half a minute without a network, in a process with this folder on PYTHONPATH."""

import os

from apache_beam.internal.gcp import auth

auth._Credentials._credentials_init = True
del os.environ["PYTHONPATH"]  # `pip freeze`, which Beam runs, has no use for it
