"""What is read of the processor."""

import pytest

from ssh_tf.utils import cpu


@pytest.fixture
def cpu_info(tmp_path, monkeypatch):
    def write(text):
        path = tmp_path / "cpuinfo"
        path.write_text(text)
        monkeypatch.setattr(cpu, "_CPU_INFO", path)
        cpu._cpu_info.cache_clear()

    yield write
    cpu._cpu_info.cache_clear()


def test_intel_and_amd(cpu_info):
    cpu_info(
        "processor\t: 0\nmodel name\t: Some: CPU\nflags\t\t: fpu avx512_bf16 amx_bf16\n\nprocessor\t: 1\nflags: x\n"
    )
    assert cpu.cpu_flags() == {"fpu", "avx512_bf16", "amx_bf16"}
    assert cpu.cpu_name() == "Some: CPU"


def test_arm(cpu_info):
    cpu_info("processor\t: 0\nFeatures\t: fp asimd bf16\n")
    assert cpu.cpu_flags() == {"fp", "asimd", "bf16"}
    assert cpu.cpu_name()


def test_elsewhere(monkeypatch, tmp_path):
    monkeypatch.setattr(cpu, "_CPU_INFO", tmp_path / "none")
    cpu._cpu_info.cache_clear()
    assert cpu.cpu_flags() == frozenset()
    cpu._cpu_info.cache_clear()
