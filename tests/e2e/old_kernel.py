"""Runs a program as a kernel of the 3.10 age would: calls that came later do not exist.

    python3 old_kernel.py PROGRAM [ARGUMENT...]

A seccomp filter answers ENOSYS to every system call behind the last number of Linux 3.10, as that
kernel does. What an old call was taught since (new flags) is not seen.
"""

import ctypes
import os
import struct
import sys

# How the kernel names a machine, and the last call that 3.10 had there (finit_module).
LAST = {"x86_64": (0xC000003E, 313), "i386": (0x40000003, 350), "aarch64": (0xC00000B7, 273)}
LOAD, IF_EQUAL, IF_GREATER, RETURN = 0x20, 0x15, 0x25, 0x06
NUMBER, MACHINE = 0, 4                              # places in struct seccomp_data
ALLOW, NO_SUCH_CALL = 0x7FFF0000, 0x00050000 | 38   # ENOSYS
NO_NEW_PRIVS, SET_SECCOMP, FILTER = 38, 22, 2


def program():
    steps = []
    for machine, last in LAST.values():
        steps += [(LOAD, 0, 0, MACHINE), (IF_EQUAL, 0, 4, machine), (LOAD, 0, 0, NUMBER), (IF_GREATER, 1, 0, last),
                  (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, NO_SUCH_CALL)]
    steps.append((RETURN, 0, 0, ALLOW))
    return len(steps), b"".join(struct.pack("HBBI", *step) for step in steps)


def become_old():
    length, code = program()
    buffer = ctypes.create_string_buffer(code, len(code))
    filters = ctypes.create_string_buffer(struct.pack("HP", length, ctypes.addressof(buffer)))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for words in ((NO_NEW_PRIVS, 1, 0), (SET_SECCOMP, FILTER, ctypes.addressof(filters))):
        if prctl(words[0], *map(ctypes.c_ulong, words[1:]), ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
            sys.exit("no filter: " + os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    become_old()
    os.execvp(sys.argv[1], sys.argv[1:])
