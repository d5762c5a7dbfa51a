// The commands on the page are to be pasted, so they name the address that the page came from.
for (const element of document.querySelectorAll('.origin')) element.textContent = location.origin;
