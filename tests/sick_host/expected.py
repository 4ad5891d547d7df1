"""The table: each recipe of the lab, and what its line `# expect:` asks for, besides what every recipe owes (`checks.EVERY`)."""

import sickness
from checks import Check, complete, had, names, row, says, within
from sickness import commands_end

OTHER = had("var/log/acme/other.log", b"local\n")
HUNG = [names("/mnt/hung"), says("/mnt/hung"), OTHER, within(90)]
KILLED = [sickness.ends_at_once, sickness.sealed_after_signal]
DENIED = [row("/var/log/acme/app.log", "denied"), says(r"(was|were) denied:")]

RECIPES: dict[str, list[Check]] = {
    "as-256m": [complete],
    "autofs-hang": [names("/mnt/auto"), within(60)],
    "clock-jump": [complete, sickness.times_are_sane],
    "cmd-daemon-pipe": [commands_end("collected", "partial", kept=b"some output\n"), sickness.held_pipes_are_named, within(60)],
    "cmd-flood-5gb": [commands_end("partial", "timeout", reason="cut at|did not|said nothing|not asked again|was over"), sickness.flood_is_cut],
    "cmd-flood-stderr": [commands_end("collected", "partial", "timeout", reason="standard error|did not end", least=0)],
    "cmd-garbage": [sickness.garbage_is_kept],
    "cmd-hang-sigterm": [commands_end("partial", "timeout", kept=b"partial output\n", reason="did not|said nothing|not asked again")],
    "cmd-missing": [sickness.commands_are_absent, says(r"\d do not exist here")],
    "cmd-reads-stdin": [commands_end("collected", kept=b"Continue? [y/N] eof\n"), within(60)],
    "cpu-5pct": [had("proc/meminfo"), had("etc/passwd")],
    "cwd-deleted": [complete],
    "env-empty": [complete],
    "fds-all-closed": [complete],
    "fsize-1m": [sickness.small_or_says_why],
    "fuse-hang-all": HUNG,
    "fuse-hang-open": [*HUNG, row("/var/log/acme/app.log", "timeout", "partial")],
    "fuse-hang-read": [*HUNG, row("/var/log/acme/app.log", "timeout", "partial")],
    "fuse-hang-statfs": HUNG,
    "home-unset": [complete],
    "hostname-weird": [complete, sickness.name_is_safe],
    "ifaces-many": [sickness.many_interfaces_are_there],
    "killed-HUP": KILLED,
    "killed-INT": KILLED,
    "killed-KILL": [sickness.killed_leaves_only_the_unfinished],
    "killed-TERM": KILLED,
    "locale-c": [had(r"var/log/acme/b\303\251\377.log", b"caf\xc3\xa9 \xff\n"), complete],
    "locale-garbage": [complete],
    "log-growing": [sickness.growing_log_is_cut_at_opening],
    "log-huge": [sickness.huge_log_is_whole],
    "log-truncated": [sickness.truncated_logs_are_not_padded_in_silence],
    "logdir-200k": [sickness.all_of_many_or_says_how_many],
    "logdir-weird": [
        sickness.weird_things_are_named, sickness.strange_names_are_kept, sickness.passwords_are_nowhere,
        had("var/log/acme/normal.log", b"normal\n"), within(60),
    ],
    "mem-128m": [had("var/log/acme/app.log", least=700_000_000), sickness.no_kill_for_memory],
    "mounts-weird": [sickness.mounts_are_decoded],
    "no-dev-null": [complete],
    "no-proc": [says("/proc")],
    "no-sys": [row("/sys/class/net/*/statistics/*", "absent")],
    "nofile-64": [complete],
    "nonroot": [*DENIED, says("not root")],
    "os-release-hostile": [
        sickness.no_command_of_the_host_was_obeyed, had("etc/os-release", least=50_000_000), row("/etc/hosts", "skipped", reason="FIFO"), within(60),
    ],
    "out-frozen": [says("/out"), within(90)],
    "out-full": [sickness.disk_is_used],
    "out-readonly": [sickness.another_place_is_named, says("read-only"), within(10)],
    "path-empty": [complete, row("ip netns", "collected")],
    "pids-25": [sickness.failed_starts_are_named],
    "procs-weird": [sickness.processes_are_parsed, sickness.descriptors_are_counted, sickness.passwords_of_command_lines_are_hidden],
    "pythonpath-hostile": [complete],
    "root-no-caps": DENIED,
    "root-readonly": [complete],
    "slow-disk": [sickness.slow_file_is_not_waited_for],
    "socket-blackhole": [names("docker"), sickness.engines_end, within(90)],
    "stdin-closed": [complete],
    "stdout-closed-pipe": [complete, sickness.sealed_though_screens_fail],
    "stdout-full": [complete],
    "tmp-full": [complete],
    "tmp-noexec": [complete],
    "umask-000": [complete],
    "umask-777": [complete],
}  # fmt: skip

QUICK = ("fds-all-closed", "locale-c", "logdir-weird", "out-full", "out-readonly", "pythonpath-hostile", "umask-777")
"""Recipes that the usual run of the tests makes, too: different ones, and each takes a few seconds only."""
