import asyncio

total = 0


async def add_one(guard):
    global total
    async with guard:
        before = total
        await asyncio.sleep(0)  # another task runs here
        total = before + 1


async def main():
    global total
    for name, guard in [("Semaphore(3)", asyncio.Semaphore(3)), ("Lock()", asyncio.Lock())]:
        total = 0
        await asyncio.gather(*(add_one(guard) for _ in range(3)))
        print(f"{name}: three tasks add 1, and the total is {total}")


asyncio.run(main())
