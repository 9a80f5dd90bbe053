"""An FTPS server of pyftpdlib's: python pyftpdlib_server.py HOST PORT HOME PASSWORD [local-time]"""

import logging
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_FTPHandler
from pyftpdlib.servers import FTPServer

host, port, home, password, *words = sys.argv[1:]
logging.basicConfig(level=logging.ERROR)
authorizer = DummyAuthorizer()
authorizer.add_user("ann", password, home + "/tree", perm="elradfmwMT")
handler = TLS_FTPHandler
handler.authorizer = authorizer
handler.certfile = home + "/cert.pem"
handler.keyfile = home + "/key.pem"
handler.tls_control_required = True
handler.tls_data_required = True
handler.permit_foreign_addresses = True
handler.use_gmt_times = "local-time" not in words
FTPServer((host, int(port)), handler).serve_forever()
