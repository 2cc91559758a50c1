import asyncio

in_flight = peak = 0
slots = asyncio.Semaphore(5)


async def fetch(post):
    global in_flight, peak
    async with slots:  # waits here if no permit is available
        in_flight += 1
        peak = max(peak, in_flight)
        await asyncio.sleep(0)  # the answer is on its way
        in_flight -= 1
        return f"title {post}"


async def main():
    titles = await asyncio.gather(*(fetch(post) for post in range(1, 21)))
    print(f"Fetched {len(titles)} titles, at most {peak} in flight")
    print("All permits are held" if slots.locked() else "A permit is available")


asyncio.run(main())
