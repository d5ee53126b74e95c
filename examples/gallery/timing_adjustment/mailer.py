"""Sends mail in the background."""

import threading
import time


class Mailer:
    """Sends each mail in a thread of its own; ``sent`` holds those that left."""

    def __init__(self):
        self.sent = []

    def send(self, mail):
        threading.Thread(target=self._deliver, args=(mail,)).start()

    def _deliver(self, mail):
        time.sleep(0.25)  # what a server takes
        self.sent.append(mail)
