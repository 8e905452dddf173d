"""The script that measures a device still runs."""

import re

import pytest

from tests import labs


@pytest.fixture
def bench_device():
    with labs.benchmark("bench_device") as script:
        yield script


@pytest.mark.parametrize("precision", ["float32", pytest.param("bf16", marks=pytest.mark.slow)])
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_a_device_is_measured(bench_device, device, precision, capsys):
    options = ["--quick", "--device", device, "--precision", precision, "--evaluations", "3"]
    bench_device.main(options)
    said = capsys.readouterr().out
    assert f"8 examples of MRPC, {precision} on" in said
    assert "neurons at random, 3 evaluations: " in said
    (share,) = re.findall(r"share of the device's rate .*  ([0-9.]+)  \(", said)
    assert 0 < float(share) < 2
    assert ("peak memory" in said) == (device == "cuda")
