"""The machine that a run is carried out on, for its report."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine() -> dict[str, str]:
    """What a reader needs to judge times: processor, cores, memory, accelerators."""
    import torch

    found = {"system": f"{platform.system()} {platform.release()} ({platform.machine()})", "processor": processor(), "cores": str(os.cpu_count())}
    memory = Path("/proc/meminfo")
    if memory.is_file():
        found["memory"] = f"{int(memory.read_text().split()[1]) / 2**20:.0f} GiB"
    if torch.cuda.is_available():
        found["accelerators"] = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
    return found


def processor() -> str:
    """The model of the processor, as the system names it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def multiplies_bfloat16() -> bool:
    """Whether the processor has units for bfloat16: AMX, AVX-512 BF16, or those of Arm. Without them its products are emulated, many times slower.
    True where the system does not say."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.is_file():
        return True
    flags = {word for line in cpuinfo.read_text(errors="replace").splitlines() if line.startswith(("flags", "Features")) for word in line.split()}
    return not flags or bool(flags & {"amx_bf16", "avx512_bf16", "bf16"})
