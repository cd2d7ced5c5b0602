# attack.py send MINE VICTIM OTHER GATEWAY: sends what a container must not, each frame with a word in it, and at last a harmless "sentinel".
# MINE, VICTIM and OTHER are MAC,ADDRESS. attack.py watch: prints the words of all frames that arrive until the sentinel does.
import socket, struct, subprocess, sys

WORDS = b"other-address other-mac other-both gateway-arp dhcp-offer router-advertisement unknown-protocol taken-address sentinel".split()


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def checksum(data):
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def udp(to, by, source, target, sport, dport, word):
    body = struct.pack(">HHHH", sport, dport, 8 + len(word), 0) + word
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(target))
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    return to + by + b"\x08\x00" + head + body


def frames(mine, victim, other, gateway):
    (my_mac, my_ip), (its_mac, its_ip), (other_mac, other_ip) = [(mac(m), a) for m, a in (mine, victim, other)]
    everybody = b"\xff" * 6
    yield udp(its_mac, my_mac, other_ip, its_ip, 4000, 53, b"other-address")
    yield udp(its_mac, other_mac, my_ip, its_ip, 4000, 53, b"other-mac")
    yield udp(its_mac, other_mac, other_ip, its_ip, 4000, 53, b"other-both")
    yield its_mac + my_mac + b"\x08\x06" + struct.pack(">HHBBH", 1, 0x800, 6, 4, 2) + my_mac + socket.inet_aton(gateway) + its_mac + socket.inet_aton(its_ip) + b"gateway-arp"
    yield udp(everybody, my_mac, my_ip, "255.255.255.255", 67, 68, b"dhcp-offer")
    local = b"\xfe\x80" + bytes(6) + bytes([my_mac[0] ^ 2]) + my_mac[1:3] + b"\xff\xfe" + my_mac[3:]
    advert = bytes([134, 0, 0, 0]) + bytes(12) + b"router-advertisement"
    yield b"\x33\x33\x00\x00\x00\x01" + my_mac + b"\x86\xdd" + struct.pack(">IHBB", 0x60000000, len(advert), 58, 255) + local + b"\xff\x02" + bytes(13) + b"\x01" + advert
    yield its_mac + my_mac + b"\x88\xcc" + b"unknown-protocol"


def send(mine, victim, other, gateway):
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    wire.bind(("eth0", 0))
    for frame in frames(mine, victim, other, gateway):
        wire.send(frame)
    subprocess.run(["ip", "address", "add", other[1] + "/32", "dev", "eth0"], check=True)  # as root inside one may
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind((other[1], 0))
    taken.sendto(b"taken-address", (victim[1], 53))
    subprocess.run(["ip", "address", "delete", other[1] + "/32", "dev", "eth0"], check=True)
    wire.send(udp(mac(victim[0]), mac(mine[0]), mine[1], victim[1], 4000, 53, b"sentinel"))


def watch():
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.bind(("eth0", 0))
    wire.settimeout(60)
    print("watching", flush=True)
    seen = set()
    while b"sentinel" not in seen:
        frame = wire.recv(65536)
        seen |= {word for word in WORDS if word in frame}
    print(b" ".join(word for word in WORDS if word in seen).decode())


if sys.argv[1] == "send":
    send(*[a.split(",") for a in sys.argv[2:5]], sys.argv[5])
else:
    watch()
