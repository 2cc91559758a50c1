import asyncio
from contextlib import asynccontextmanager

permits = asyncio.Semaphore(1)
idle = ["the only connection"]


@asynccontextmanager
async def check_out():
    async with permits:
        connection = idle.pop()
        try:
            yield connection
        finally:  # runs if the task is cancelled, too
            idle.append(connection)


async def query(name):
    async with check_out() as connection:
        print(f"{name} uses {connection}")
        await asyncio.sleep(0)


async def main():
    first = asyncio.create_task(query("the first task"))
    await asyncio.sleep(0)
    first.cancel()
    await query("the second task")


asyncio.run(main())
