// Names of link layers, for people (https://www.tcpdump.org/linktypes.html).

/** Including those that tinytap does not read, as far as captures of them are common. */
const NAMES: Readonly<Record<number, string>> = {
	0: 'BSD loopback',
	1: 'Ethernet',
	9: 'PPP',
	12: 'raw IP',
	14: 'raw IP',
	50: 'PPP',
	101: 'raw IP',
	104: 'Cisco HDLC',
	105: 'Wi-Fi',
	108: 'OpenBSD loopback',
	113: 'Linux cooked',
	119: 'Wi-Fi',
	127: 'Wi-Fi',
	163: 'Wi-Fi',
	187: 'Bluetooth',
	189: 'USB',
	192: 'Wi-Fi',
	195: 'IEEE 802.15.4',
	201: 'Bluetooth',
	220: 'USB',
	227: 'CAN',
	228: 'raw IPv4',
	229: 'raw IPv6',
	230: 'IEEE 802.15.4',
	239: 'nftables log',
	249: 'USB',
	252: "Wireshark's exported layers",
	253: 'netlink',
	258: 'Apple PKTAP',
	276: 'Linux cooked 2',
};

export function linkName(link: number): string {
	return NAMES[link] === undefined ? `type ${link}` : `${NAMES[link]} (type ${link})`;
}
