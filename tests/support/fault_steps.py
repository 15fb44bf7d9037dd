"""The steps of a random walk of faults: what clients do, and what happens to the server, its files and its clock."""

import random
import shutil
import time
from typing import Any

from support.fault_model import Fate
from support.fault_walk import PlannedStep, Step, Walk
from support.harm import (
    JOURNAL,
    TABLES,
    cut,
    flip_bit,
    flip_bit_of_line,
    flip_digit,
    read_lines,
    record_of,
    result_path,
)
from support.stepped_clock import MISSING
from support.versioned_table import REQUESTS

LONGEST_BURST = 15
FAR_AHEAD, FAR_BACK, TRUE_TIME = "+8d", "-22y", "+0"
SECONDS_AWAY = 1.2  # beyond the second that a server takes to notice: maintenance runs once a second


def submit_some(walk: Walk, chance: random.Random) -> str:
    """Submit one job after another."""
    return ", ".join(walk.submit([chance.randrange(len(REQUESTS))]) for _ in range(chance.randint(1, 5)))


def submit_batch(walk: Walk, chance: random.Random) -> str:
    """Submit a batch, in half of the cases under a key."""
    requests = [chance.randrange(len(REQUESTS)) for _ in range(chance.randint(2, LONGEST_BURST))]
    return walk.submit(requests, chance.choice((None, walk.new_key())))


def submit_under_key(walk: Walk, chance: random.Random) -> str:
    """Submit a job under a new key, or again what was submitted under an old one."""
    if walk.model.keys and chance.random() < 0.6:
        key = chance.choice(sorted(walk.model.keys))
        return f"{key} again: {walk.submit(walk.model.keys[key].requests, key)}"
    key = walk.new_key()
    return f"{key}: {walk.submit([chance.randrange(len(REQUESTS))], key)}"


def poll(walk: Walk, chance: random.Random) -> str:
    """Poll some jobs."""
    numbers = walk.some_of(sorted(walk.model.jobs), chance, 10)
    walk.check(numbers)
    return str(numbers)


def delete_ended(walk: Walk, chance: random.Random) -> str:
    """Delete some jobs whose results were seen."""
    ended = sorted(number for number, job in walk.model.jobs.items() if job.seen_done and job.fate is Fate.KEPT)
    return ", ".join(map(walk.delete, walk.some_of(ended, chance, 3)))


def cancel_waiting(walk: Walk, chance: random.Random) -> str:
    """Submit a batch and cancel some of its last jobs while they wait."""
    before = set(walk.model.jobs)
    said = walk.submit([chance.randrange(len(REQUESTS)) for _ in range(LONGEST_BURST)])
    waiting = sorted(walk.model.jobs.keys() - before)[LONGEST_BURST // 2 :]
    return "; ".join([said, *map(walk.delete, walk.some_of(waiting, chance, 4))])


def reload_same(walk: Walk, chance: random.Random) -> str:
    """Reload the same table."""
    walk.site.reload()
    return f"table {walk.model.version}"


def reload_changed(walk: Walk, chance: random.Random) -> str:
    """Reload after the table has changed."""
    walk.site.use_table(walk.model.version + 1)
    walk.site.reload()
    walk.model.change_table(walk.model.version + 1)
    return f"table {walk.model.version}"


def kill_all(walk: Walk, chance: random.Random) -> str:
    """Submit a batch and kill all processes at once; or delete jobs and do so."""
    said = chance.choice((submit_batch, delete_ended, cancel_waiting))(walk, chance)
    walk.restart_after_kill()
    return said


def kill_worker(walk: Walk, chance: random.Random) -> str:
    """Submit a batch and kill the worker."""
    said = submit_batch(walk, chance)
    walk.site.kill_worker()
    walk.after_death()
    walk.site.await_worker()
    walk.check_all()
    walk.site.check_set_aside()
    return said


def stop_and_start(walk: Walk, chance: random.Random) -> str:
    """End the server by SIGTERM and start another."""
    walk.site.stop()
    walk.start_again()
    return ""


def cut_journal(walk: Walk, chance: random.Random) -> str:
    """Cut the journal of a live server in place, at any byte."""
    path = walk.site.results / JOURNAL
    walk.site.lines_lost = True
    kept = chance.choice((0, chance.randrange(path.stat().st_size + 1)))
    cut(path, kept)
    return f"{kept} bytes kept; {walk.mend_or_die(chance)}"


def harm_stopped_journal(walk: Walk, chance: random.Random) -> str:
    """Delete or cut the journal, or flip a bit in it, while no server runs."""
    walk.site.stop()
    path, how = walk.site.results / JOURNAL, chance.choice(("delete", "cut", "flip"))
    if how == "flip":
        how = flip_journal(walk, chance)
    else:
        walk.site.lines_lost = True
        cut(path, chance.randrange(path.stat().st_size + 1)) if how == "cut" else path.unlink()
    walk.start_again()
    return how


def flip_journal(walk: Walk, chance: random.Random) -> str:
    """Flip a bit in a line about a job. Not in the first line: a journal of an unknown version stops the start."""
    places = walk.site.undamaged_places()
    if not places:
        return "no line about a job"
    place = chance.choice(places)
    record = record_of(read_lines(walk.site.results)[place])
    walk.site.note_damaged(flip_bit_of_line(walk.site.results, place, chance), record)
    return f"line {place}: {record}"


def flip_results(walk: Walk, chance: random.Random) -> str:
    """Flip a bit in some result files; files with the same content are one file."""
    numbers = walk.some_of(walk.site.file_numbers(), chance, 5)
    for path in (result_path(walk.site.results, number) for number in numbers):
        if chance.random() < 0.5:
            flip_digit(path, chance)
        else:
            flip_bit(path, chance.randrange(path.stat().st_size), chance.randrange(8))
        walk.site.note_damaged_file(path)
    walk.see_files()
    return str(numbers)


def delete_results(walk: Walk, chance: random.Random) -> str:
    """Delete some result files."""
    numbers = walk.some_of(walk.site.file_numbers(), chance, 10)
    for number in numbers:
        result_path(walk.site.results, number).unlink()
    walk.see_files()
    return str(numbers)


def remove_folder(walk: Walk, chance: random.Random) -> str:
    """Remove the results folder of a live server."""
    walk.site.lines_lost = True
    shutil.rmtree(walk.site.results, ignore_errors=True)  # the server may write a file meanwhile
    walk.model.lose_tables()
    walk.see_files()
    return walk.mend_or_die(chance)


def harm_tables(walk: Walk, chance: random.Random) -> str:
    """Delete the kept versions of the table, or flip a bit in each."""
    how = chance.choice(("deleted", "flipped"))
    for path in sorted((walk.site.results / TABLES).glob("*.parquet")):
        if how == "deleted":
            path.unlink()
        else:
            flip_bit(path, chance.randrange(path.stat().st_size), chance.randrange(8))
    walk.model.lose_tables()
    return how


def few_descriptors(walk: Walk, chance: random.Random) -> str:
    """Let the worker open almost no files for a while."""
    limits = walk.site.limit_descriptors(spare=chance.randint(0, 1))
    try:
        with walk.fault():
            return walk.live_under_fault(chance)
    finally:
        walk.site.lift_limit(limits)


def full_disk(walk: Walk, chance: random.Random) -> str:
    """Fill the disk for a while."""
    if walk.disk is None:
        return "skipped: a small disk can be mounted by the superuser only"
    filler = walk.disk / "filler"
    with filler.open("wb", buffering=0) as file:
        _fill(file)
        with walk.fault():
            said = walk.live_under_fault(chance)
    filler.unlink()
    while walk.site.ask("GET", "/readyz").status != 200:
        time.sleep(0.05)
    return said


def _fill(file: Any) -> None:
    block = bytes(4096)
    try:
        while True:
            file.write(block)
    except OSError:
        return


def step_clock(walk: Walk, chance: random.Random) -> str:
    """Move the clock far ahead and back while the server runs, or start a server whose clock is far back."""
    clock = walk.site.clock
    if clock is None:
        return f"skipped: {MISSING}"
    if ahead := chance.random() < 0.7:
        clock.step(FAR_AHEAD)
        time.sleep(SECONDS_AWAY)
    else:
        clock.set(FAR_BACK)
        walk.site.stop()
        walk.start_again()
    clock.step(TRUE_TIME)
    return "ahead" if ahead else "back at a start"


WEIGHTED_STEPS: dict[Step, float] = {
    submit_some: 22,
    submit_batch: 7,
    submit_under_key: 9,
    poll: 14,
    delete_ended: 8,
    cancel_waiting: 4,
    reload_same: 3,
    reload_changed: 5,
    kill_all: 1.5,
    kill_worker: 1,
    stop_and_start: 1,
    cut_journal: 1,
    harm_stopped_journal: 1,
    flip_journal: 6,
    flip_results: 6,
    delete_results: 5,
    remove_folder: 1,
    harm_tables: 1,
    few_descriptors: 2,
    full_disk: 2,
    step_clock: 0.5,
}


def plan(seed: int, length: int) -> list[PlannedStep]:
    """Draw steps. Each draws from a generator of its own, so that it does not depend on the outcome of others."""
    chances = [random.Random(f"{seed}-{number}") for number in range(length)]
    return [(chance.choices(list(WEIGHTED_STEPS), list(WEIGHTED_STEPS.values()))[0], chance) for chance in chances]
