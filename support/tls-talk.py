# TLS by Python's own module: `serve PORT CERT KEY` with a thread for each connection, `serve-async` with asyncio (which moves
# the ciphertext itself), and `ask PORT CONNECTIONS REQUESTS` or `ask-async`. A response states the client's address and the path; so does
# a printed line of the client: its own address, the path, and what was answered.
import asyncio
import http.client
import http.server
import ssl
import sys
import threading


def context_of(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def serve(port, cert, key):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            body = f"{self.client_address[0]}:{self.client_address[1]} {self.path}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 128

        # The handshake happens in the connection's thread.
        def finish_request(self, request, address):
            with context.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, address)

    context = context_of(cert, key)
    Server(("127.0.0.1", port), Handler).serve_forever()


async def serve_async(port, cert, key):
    async def talk(reader, writer):
        host, own = writer.get_extra_info("peername")[:2]
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = f"{host}:{own} {head.split(b' ')[1].decode()}".encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", port, ssl=context_of(cert, key), backlog=128)
    await server.serve_forever()


def trusting():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def ask(port, connections, requests):
    def talk(number):
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=context)
        connection.connect()
        own = "%s:%d" % connection.sock.getsockname()[:2]
        for i in range(requests):
            path = f"/py/{number}/{i}"
            connection.request("GET", path)
            lines.append(f"{own} {path} = {connection.getresponse().read().decode()}")
        connection.close()

    context = trusting()
    lines = []
    threads = [threading.Thread(target=talk, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("\n".join(lines))


async def ask_async(port, connections, requests):
    async def talk(number):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        own = "%s:%d" % writer.get_extra_info("sockname")[:2]
        for i in range(requests):
            path = f"/async/{number}/{i}"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
            print(f"{own} {path} = {(await reader.readexactly(length)).decode()}")
            # The order of calls on different connections changes.
            await asyncio.sleep((number * 7 + i * 3) % 5 / 1000)
        writer.close()

    context = trusting()
    await asyncio.gather(*(talk(number) for number in range(connections)))


what, *words = sys.argv[1:]
if what == "serve":
    serve(int(words[0]), *words[1:])
elif what == "serve-async":
    asyncio.run(serve_async(int(words[0]), *words[1:]))
elif what == "ask":
    ask(*map(int, words))
else:
    asyncio.run(ask_async(*map(int, words)))
