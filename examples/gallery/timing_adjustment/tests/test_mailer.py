import time

from mailer import Mailer


def test_mail_is_sent():
    mailer = Mailer()
    mailer.send("hello")
    time.sleep(0.2)
    assert mailer.sent == ["hello"]


def test_nothing_is_sent_by_itself():
    assert Mailer().sent == []
