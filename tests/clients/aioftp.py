import asyncio, os, ssl, sys
import aioftp

async def run():
    context = ssl.create_default_context(cafile='ca.pem')
    ftp = aioftp.Client(socket_timeout=20)
    await ftp.connect('localhost', int(sys.argv[1]))
    await ftp.upgrade_to_tls(context)
    await ftp.login('ann', 'pw')
    names = os.listdir('up')
    for name in names:
        await ftp.upload('up/' + name, name, write_into=True)
        await ftp.upload('up/one', name + '.old', write_into=True)
    with open('listed', 'w') as listed:
        for path, facts in await ftp.list():
            print(path.name, file=listed)
    for name in names:
        await ftp.download(name, 'back/' + name, write_into=True)
        await ftp.rename(name, name + '.new')
        await ftp.remove_file(name + '.old')

    came = int((await ftp.stat('broken'))['size'])
    with open('broken', 'rb') as file:
        file.seek(came)
        async with ftp.append_stream('broken') as stream:
            while block := file.read(65536):
                await stream.write(block)
    with open('back/broken', 'ab') as file:
        async with ftp.download_stream('broken', offset=file.tell()) as stream:
            async for block in stream.iter_by_block():
                file.write(block)
    await ftp.quit()

asyncio.run(run())
