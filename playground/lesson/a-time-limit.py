import asyncio

slots = asyncio.Semaphore(1)


async def title(post):
    if post == 2:
        await asyncio.Event().wait()  # this answer never comes
    return f"title {post}"


async def fetch(post):
    async with slots:
        try:
            return await asyncio.wait_for(title(post), timeout=0.05)
        except asyncio.TimeoutError:
            return f"Post {post} timed out"


async def main():
    for line in await asyncio.gather(*(fetch(post) for post in range(1, 4))):
        print(line)


asyncio.run(main())
