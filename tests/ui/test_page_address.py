"""Which addresses are given to the browser: pages of the providers, written plainly, and nothing that only looks so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.viewmodels.page_address import LONGEST, is_own_page, page_host

HOSTS = ("checkout.stripe.com", "www.paypal.com", "127.0.0.1:8742", "pay.example.com:8443")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://checkout.stripe.com/c/pay/cs_1#fid=a%2Bb/c", "checkout.stripe.com"),
        ("https://checkout.stripe.com", "checkout.stripe.com"),
        ("https://checkout.stripe.com?session=1", "checkout.stripe.com"),
        ("https://checkout.stripe.com/@somebody/", "checkout.stripe.com"),
        ("https://www.paypal.com/checkoutnow?token=5O190127TN364715T", "www.paypal.com"),
        ("https://pay.example.com:8443/p", "pay.example.com:8443"),
        ("http://127.0.0.1:8742/c/pay/cs_1", "127.0.0.1:8742"),
    ],
)
def test_page_of_a_provider_may_be_opened(url: str, host: str) -> None:
    assert page_host(url, HOSTS) == host


@pytest.mark.parametrize(
    "url",
    [
        "",
        "checkout.stripe.com/c/pay",
        "//checkout.stripe.com/c/pay",
        "https:checkout.stripe.com/c/pay",
        "https:/checkout.stripe.com/c/pay",
        "https:///checkout.stripe.com/c/pay",
        "https:////evil.example/",
        "https://checkout.stripe.com//evil.example/",
        "http://checkout.stripe.com/c/pay",
        "ftp://checkout.stripe.com/",
        "javascript:alert(1)",
        "javascript://checkout.stripe.com/%0aalert(1)",
        "file:///etc/passwd",
        "souk://checkout.stripe.com/",
        "HTTPS://checkout.stripe.com/",
        "https://CHECKOUT.stripe.com/",
        "https://Checkout.Stripe.Com/",
        "https://user@checkout.stripe.com/",
        "https://checkout.stripe.com@evil.example/",
        "https://checkout.stripe.com:443@evil.example/",
        "https://user:secret@checkout.stripe.com/",
        "https://checkout.stripe.com:443/",
        "https://checkout.stripe.com:8443/",
        "https://checkout.stripe.com:/",
        "https://checkout.stripe.com:0443/",
        "https://checkout.stripe.com./",
        "https://checkout.stripe.com.evil.example/",
        "https://evil.example/checkout.stripe.com",
        "https://evil.example?checkout.stripe.com",
        "https://evil.example#checkout.stripe.com",
        "https://xcheckout.stripe.com/",
        "https://checkout-stripe.com/",
        "https://checkout..stripe.com/",
        "https://.checkout.stripe.com/",
        "https://checkout.stripe.com\\@evil.example/",
        "https://evil.example\\.checkout.stripe.com/",
        "https:\\\\checkout.stripe.com/",
        "https://checkout.stripe.com/\\evil",
        "https://checkout.stripe.com%2eevil.example/",
        "https://checkout%2estripe.com/",
        "https://checkout。stripe.com/",
        "https://checkout.strípe.com/",
        "https://\u0441heckout.stripe.com/",
        "https://checkout.stripe.com/ü",
        " https://checkout.stripe.com/",
        "https://checkout.stripe.com/ ",
        "https://checkout.stripe.com/a b",
        "https://checkout.stripe.com/\n",
        "https://checkout.stripe.com\t/",
        "https://checkout.stripe.com/\x00",
        "https://checkout.stripe.com/<script>",
        'https://checkout.stripe.com/"',
        "http://127.0.0.1/c/pay",
        "http://127.0.0.1:8743/c/pay",
        "http://127.0.0.1:08742/c/pay",
        "http://127.1:8742/c/pay",
        "http://2130706433:8742/c/pay",
        "http://0x7f.0.0.1:8742/c/pay",
        "http://localhost:8742/c/pay",
        "http://pay.example.com:8443/p",
        "/pay/test/1/",
        "https://checkout.stripe.com/" + "a" * LONGEST,
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    assert page_host(url, HOSTS) == ""


def test_without_hosts_nothing_is_opened() -> None:
    assert page_host("https://checkout.stripe.com/c/pay", ()) == ""


@given(st.text(max_size=80))
def test_no_text_opens_a_host_that_is_not_named(text: str) -> None:
    for url in (text, f"https://{text}", f"https://checkout.stripe.com{text}", f"https://{text}checkout.stripe.com"):
        host = page_host(url, HOSTS)
        assert host in ("", *HOSTS)
        if host:
            rest = url.removeprefix("https://").removeprefix("http://").removeprefix(host)
            assert rest == "" or rest[0] in "/?#"


def test_own_pages_are_told_from_hosted_ones() -> None:
    assert is_own_page("/pay/test/1/", HOSTS)
    assert is_own_page("https://checkout.stripe.com/c/pay", ())
    assert not is_own_page("https://checkout.stripe.com/c/pay", HOSTS)
