"""Which machine measured."""

from edgeyard.domain.hardware import PROFILES
from edgeyard.optimize.host import host_facts, read_cpuinfo

EPYC = "processor : 0\nmodel name\t: AMD EPYC 9755\nflags\t\t: fpu sse2 avx2 avx512f avx512_vnni\n"
HASWELL = "model name : Intel(R) Core(TM) i5-4570\nflags : sse2 avx2\n"
PI4 = "processor : 0\nFeatures : fp asimd evtstrm crc32 cpuid\nModel : Raspberry Pi 4 Model B Rev 1.4\n"
PI5 = "Features : fp asimd asimdhp asimddp\nModel : Raspberry Pi 5 Model B\n"


def test_instruction_sets_are_read_from_cpuinfo() -> None:
    host = read_cpuinfo(EPYC, "x86-64")
    assert host.instructions == ("vnni",)
    assert host.sentence == "AMD EPYC 9755 (AVX-512 VNNI, AVX-512, AVX2)"
    assert read_cpuinfo(PI5, "arm64").instructions == ("dot-product",)


def test_a_host_stands_for_hardware_of_its_own_kind_only() -> None:
    def served(text: str, architecture: str) -> set[str]:
        host = read_cpuinfo(text, architecture)
        return {name for name, profile in PROFILES.items() if host.stands_for(profile)}

    assert served(EPYC, "x86-64") == {"x86-vnni"}
    assert served(HASWELL, "x86-64") == {"x86"}
    assert served(PI4, "arm64") == {"pi4", "imx8mp"}
    assert served(PI5, "arm64") == {"pi5"}
    assert served("", "x86-64") == set()


def test_this_machine_can_be_named() -> None:
    assert host_facts().sentence
