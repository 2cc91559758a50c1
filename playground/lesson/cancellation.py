import asyncio


async def main():
    slots = asyncio.Semaphore(0)
    first = asyncio.create_task(slots.acquire())
    second = asyncio.create_task(slots.acquire())
    await asyncio.sleep(0)  # both wait

    slots.release()  # granted to the first task, which has not run since
    first.cancel()
    await second
    print("the second task has the permit")


asyncio.run(main())
