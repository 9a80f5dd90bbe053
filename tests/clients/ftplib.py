import ftplib, os, ssl, sys

ftp = ftplib.FTP_TLS(context=ssl.create_default_context(cafile='ca.pem'), timeout=20)
ftp.connect('localhost', int(sys.argv[1]))
ftp.login('ann', 'pw')
ftp.prot_p()

def put(source, name):
    with open(source, 'rb') as file:
        ftp.storbinary('STOR ' + name, file)

names = os.listdir('up')
for name in names:
    put('up/' + name, name)
    put('up/one', name + '.old')
with open('listed', 'w') as listed:
    print(*ftp.nlst(), sep='\n', file=listed)
for name in names:
    with open('back/' + name, 'wb') as file:
        ftp.retrbinary('RETR ' + name, file.write)
    ftp.rename(name, name + '.new')
    ftp.delete(name + '.old')

with open('broken', 'rb') as file:
    came = ftp.size('broken')
    file.seek(came)
    ftp.storbinary('STOR broken', file, rest=came)
with open('back/broken', 'ab') as file:
    ftp.retrbinary('RETR broken', file.write, rest=file.tell())
ftp.quit()
