"""The process of a link, between this test and a real server: bytes come through as they are, and not too soon."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import redis

from tests.link.harness import linked
from tests.local.harness import wait_for

MIB = 1024 * 1024


def test_a_command_takes_a_round_trip_at_least(folder, redis_url):
    with linked(folder, redis_url, "20ms") as link, redis.Redis(unix_socket_path=str(link.path)) as client:
        client.ping()
        began = time.perf_counter()
        for _ in range(5):
            client.ping()
        assert time.perf_counter() - began >= 5 * 0.020


def test_commands_of_a_pipeline_share_one_round_trip(folder, redis_url):
    with linked(folder, redis_url, "100ms") as link, redis.Redis(unix_socket_path=str(link.path)) as client:
        client.ping()
        began = time.perf_counter()
        with client.pipeline(transaction=False) as pipe:
            for number in range(200):
                pipe.set(f"key{number}", number)
            assert pipe.execute() == [True] * 200
        took_s = time.perf_counter() - began
    assert 0.1 <= took_s < 200 * 0.1


def test_large_values_come_through_whole_and_no_faster_than_the_bandwidth(folder, redis_url):
    value = os.urandom(MIB) * 16
    with linked(folder, redis_url, "lambda") as link, redis.Redis(unix_socket_path=str(link.path)) as client:
        began = time.perf_counter()
        client.set("large", value)
        sent = time.perf_counter()
        assert client.get("large") == value
        came = time.perf_counter()
        assert min(sent - began, came - sent) >= len(value) / 78e6
        assert link.resident_bytes() < 100 * MIB


def test_a_reader_that_does_not_read_makes_the_link_hold_no_more_than_its_bound(folder, redis_url):
    with redis.Redis.from_url(redis_url) as client:
        client.set("huge", bytes(64 * MIB))
    with linked(folder, redis_url, "1ms") as link, link.connect() as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(100) == b"+PONG\r\n"
        before = link.resident_bytes()
        connection.sendall(b"GET huge\r\n")
        with redis.Redis(unix_socket_path=str(link.path)) as other:
            for _ in range(20):
                other.ping()
        assert link.resident_bytes() - before < 16 * MIB
        connection.settimeout(20)
        left = 64 * MIB
        while left > 0:
            left -= len(connection.recv(MIB))


PULL = """
import socket, sys, time
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
began = time.perf_counter()
connection.sendall(b"GET shared\\r\\n")
left = int(sys.argv[2])
while left > 0:
    left -= len(connection.recv(1 << 20))
print(time.perf_counter() - began, flush=True)
"""


def test_connections_of_one_process_share_a_bandwidth(folder, redis_url):
    with redis.Redis.from_url(redis_url) as client:
        client.set("shared", bytes(2 * MIB))
    with linked(folder, redis_url, "20MB/s") as link:
        clients = [redis.Redis(unix_socket_path=str(link.path)) for _ in range(4)]
        threads = [threading.Thread(target=client.get, args=("shared",)) for client in clients]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.perf_counter() - began >= 8 * MIB / 20e6
        for client in clients:
            client.close()


def test_processes_have_a_bandwidth_each(folder, redis_url):
    """Two that pull at one time need much less than one after the other would."""
    with redis.Redis.from_url(redis_url) as client:
        client.set("shared", bytes(8 * MIB))
    with linked(folder, redis_url, "20MB/s") as link:
        command = [sys.executable, "-c", PULL, str(link.path), str(8 * MIB)]
        pulls = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)]
        for pull in pulls:
            assert pull.stdout is not None and pull.stdout.readline() == b"ready\n"
        began = time.perf_counter()
        for pull in pulls:
            assert pull.stdin is not None
            pull.stdin.write(b"\n")
            pull.stdin.flush()
        took = [float(pull.communicate(timeout=60)[0]) for pull in pulls]
        together_s = time.perf_counter() - began
    least_s = 8 * MIB / 20e6
    assert min(took) >= least_s
    assert together_s < 3 * least_s


def test_blocking_commands_wait_and_wake(folder, redis_url):
    with linked(folder, redis_url, "5ms") as link, redis.Redis(unix_socket_path=str(link.path)) as client:
        assert client.blpop(["nothing"], timeout=0.05) is None
        client.xadd("stream", {"a": "1"})
        ((_, entries),) = client.xread({"stream": "0"}, block=1000)
        assert len(entries) == 1
        woken: list[object] = []
        thread = threading.Thread(target=lambda: woken.append(client.blpop(["list"], timeout=20)))
        thread.start()
        with redis.Redis.from_url(redis_url) as direct:
            wait_for(lambda: any(one["cmd"] == "blpop" for one in direct.client_list()))
            direct.rpush("list", "value")
        thread.join()
        assert woken == [(b"list", b"value")]


def test_what_is_said_before_a_half_close_is_answered_before_the_end(folder, redis_url):
    with linked(folder, redis_url, "5ms") as link, link.connect() as connection:
        connection.sendall(b"PING\r\n")
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(100):
            answer += piece
        assert answer == b"+PONG\r\n"


def test_a_client_that_goes_away_leaves_no_connection_behind(folder, redis_url):
    with linked(folder, redis_url, "2ms") as link, redis.Redis.from_url(redis_url) as direct:
        before = len(direct.client_list())
        clients = [redis.Redis(unix_socket_path=str(link.path)) for _ in range(10)]
        for client in clients:
            client.ping()
        assert len(direct.client_list()) == before + 10
        for client in clients:
            client.close()
        wait_for(lambda: len(direct.client_list()) == before)


def test_a_connection_that_the_server_closes_is_closed_here(folder, redis_url):
    with linked(folder, redis_url, "2ms") as link, link.connect() as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(100) == b"+PONG\r\n"
        connection.sendall(b"QUIT\r\n")
        assert connection.recv(100) == b"+OK\r\n"
        assert connection.recv(100) == b""


def test_a_server_that_is_gone_closes_the_connection_at_once(folder):
    with linked(folder, f"unix://{folder}/nobody.sock", "2ms") as link, link.connect() as connection:
        assert connection.recv(100) == b""
    assert "cannot be reached" in (folder / "link.log").read_text()


def test_what_a_server_says_to_one_it_refuses_comes_through(folder):
    """As Redis does that has too many clients: it speaks first, and closes."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "server.sock"))
        server.listen()
        with linked(folder, f"unix://{folder}/server.sock", "100MB/s") as link, link.connect() as connection:
            refused, _ = server.accept()
            refused.sendall(b"-ERR max number of clients reached\r\n")
            refused.close()
            answer = b""
            while piece := connection.recv(100):
                answer += piece
    assert answer == b"-ERR max number of clients reached\r\n"


def test_a_thousand_connections_at_one_time(folder, redis_url):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    with linked(folder, redis_url, "1ms") as link, ExitStack() as open_ones:
        connections = [open_ones.enter_context(link.connect()) for _ in range(1000)]
        for connection in connections:
            connection.sendall(b"PING\r\n")
        for connection in connections:
            assert connection.recv(100) == b"+PONG\r\n"
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
