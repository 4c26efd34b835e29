"""The way from the job of an endpoint to its one host: a process of ours beside the sandbox, which alone has the key.

Jobs have no network. This process is started with the host, its judged addresses' rules, the caps and the key, and does
what the job asks for over two named pipes: it sends a body to one of three addresses of that host, and nothing else.
"""
