const fs = require('fs');
const { Client } = require('basic-ftp');

async function run() {
    const ftp = new Client(20000);
    await ftp.access({
        host: 'localhost', port: Number(process.argv[2]),
        user: 'ann', password: 'pw', secure: true,
    });
    const names = fs.readdirSync('up');
    for (const name of names) {
        await ftp.uploadFrom('up/' + name, name);
        await ftp.uploadFrom('up/one', name + '.old');
    }
    const listed = await ftp.list();
    fs.writeFileSync('listed', listed.map(entry => entry.name + '\n').join(''));
    for (const name of names) {
        await ftp.downloadTo('back/' + name, name);
        await ftp.rename(name, name + '.new');
        await ftp.remove(name + '.old');
    }
    await ftp.appendFrom('broken', 'broken', { localStart: await ftp.size('broken') });
    const came = fs.statSync('back/broken').size;
    await ftp.downloadTo('back/broken', 'broken', came);
    ftp.close();
}

run().catch(error => { console.error(error); process.exit(1); });
