import asyncio


async def main():
    tokens = asyncio.BoundedSemaphore(2)

    def tick():  # a timer calls it once a second
        try:
            tokens.release()
        except ValueError:
            pass  # the bucket is full

    def show(when):
        print(f"{when}: {'no token' if tokens.locked() else 'a token is left'}")

    await tokens.acquire()  # a request takes a token and never releases it
    show("after one request")
    await tokens.acquire()
    show("after two requests")
    tick()
    await tokens.acquire()
    show("after a tick and a third request")
    for _ in range(10):
        tick()
    saved_up = 0
    while not tokens.locked():
        await tokens.acquire()
        saved_up += 1
    print(f"ten quiet seconds save up {saved_up} tokens")


asyncio.run(main())
