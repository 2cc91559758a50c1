import asyncio

in_flight = peak = 0


async def title(post):
    global in_flight, peak
    in_flight += 1
    peak = max(peak, in_flight)
    await asyncio.sleep(0)  # the answer is on its way
    in_flight -= 1
    return f"title {post}"


async def main():
    titles = await asyncio.gather(*(title(post) for post in range(1, 21)))
    print(f"Fetched {len(titles)} titles, at most {peak} in flight")


asyncio.run(main())
