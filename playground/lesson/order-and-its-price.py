import asyncio

slots = asyncio.Semaphore(1)
order = []


async def turns(name, count):
    for _ in range(count):
        async with slots:
            order.append(name)
            await asyncio.sleep(0)


async def main():
    await asyncio.gather(turns("A", 3), turns("B", 1), turns("C", 1))
    print(" ".join(order))  # until 2022 it was A A A B C


asyncio.run(main())
